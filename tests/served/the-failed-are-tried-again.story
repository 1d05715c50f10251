# A retry is a rollout of its own, for those that ended badly.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"rest": true, "success_percent": 10}]}
await show 1 has "3 active"
lamp-1 succeeds
lamp-2..3 fail
await list has finished
show 1
retry 1 start
await show 2 has "2 active"
members 2
lamp-2..3 succeed
await show 2 has finished
retry 2
retry 1
list
retry 9
