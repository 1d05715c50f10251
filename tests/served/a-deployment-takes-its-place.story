# What an operator deploys to a device supersedes the rollout's action there.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
image lamp 3 1.0.2
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
await show 1 has "2 active"
deploy {"image": 2, "devices": ["lamp-1"]}
await show 1 has "1 cancelled"
lamp-1..2 ask
lamp-1..2 succeed
await list has finished
show 1
explain 1 lamp-1
