# A retry is a rollout of its own, for those that ended badly.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"rest": true, "success_percent": 10}]}
    201 rollout 1, spring: 3
await show 1 has "3 active"
lamp-1 succeeds
lamp-2..3 fail
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded, 2 failed
retry 1 start
    201 rollout 2, spring (retry 1): 2
await show 2 has "2 active"
members 2
    wave 1: lamp-2 active, lamp-3 active
lamp-2..3 succeed
await show 2 has finished
retry 2
    409 nothing-to-retry: rollout 2: no device ended badly
retry 1
    201 rollout 3, spring (retry 2): 2
list
    3 spring (retry 2): ready
    2 spring (retry 1): finished
    1 spring: finished
retry 9
    404 no-such-rollout: there is no rollout 9
