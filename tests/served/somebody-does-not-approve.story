# What was denied never starts.
setting rollout.approval.enabled true
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
deny 1 "not in spring"
show 1
approve 1
start 1
explain 1 lamp-1
lamp-1 asks
