# Where the tenant has it so, somebody has to agree before a rollout starts.
setting rollout.approval.enabled true
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
show 1
start 1
explain 1 lamp-1
approve 1 "go ahead"
1 of wave 1.1 succeed
await list has finished
show 1
