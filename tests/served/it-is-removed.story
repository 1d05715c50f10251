# It is stopped and taken off the lists; what is under way goes on.
devices lamp-1 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 1
await show 1 has "1 active"
rename 1 summer
    summer
list
    1 summer: running
remove 1
    204
list
show 1
    404 no-such-rollout: there is no rollout 1
remove 1
    404 no-such-rollout: there is no rollout 1
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update forced
lamp-1 succeeds
lamp-1 asks
    lamp-1: has nothing to do
rollout {"name": "again", "image": 1, "product": "lamp"}
    201 rollout 2, again: 1
