# 3.0.0 has to be reached through 2.0.0: the device is led there first.
devices lamp-1 runs 1.0.0
devices lamp-2 runs 2.0.0
image lamp 3 2.0.0
    201 image 1
image lamp 3 3.0.0 through=2.0.0
    201 image 2
rollout {"name": "spring", "image": 2, "product": "lamp", "start": true}
    201 rollout 1, spring: 2
await show 1 has "2 active"
lamp-1..2 ask
    lamp-1: bApp 2.0.0: download forced, update forced
    lamp-2: bApp 3.0.0: download forced, update forced
lamp-1 succeeds
await lamp-1 asks has "3.0.0"
lamp-1 asks
    lamp-1: bApp 3.0.0: download forced, update forced
show 1
    running
    wave 1 running: 2 active
lamp-1..2 succeed
await list has finished
show 1
    finished
    wave 1 finished: 2 succeeded
