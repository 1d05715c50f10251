# It is stopped and taken off the lists; what is under way goes on.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
await show 1 has "1 active"
rename 1 summer
list
remove 1
list
show 1
remove 1
lamp-1 asks
lamp-1 succeeds
lamp-1 asks
rollout {"name": "again", "image": 1, "product": "lamp"}
