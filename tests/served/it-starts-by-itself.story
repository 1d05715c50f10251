# At its moment, without anybody.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start_at": "$+3s"}
show 1
explain 1 lamp-1
1 of wave 1.1 succeed
await list has finished
show 1
