# Images of three types in one action, in the order in which they are installed, with one report.
devices lamp-1 runs 1.0.0 2001=1.0.0 2002=1.0.0
image lamp 3 1.0.1
    201 image 1
image lamp 2 2.0.0
    201 image 2
image lamp 1 3.0.0
    201 image 3
release spring 1.0.1 1 2 3
    201 release 1
rollout {"name": "spring", "release": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 1
await show 1 has "1 active"
lamp-1 asks
    lamp-1: bootloader 3.0.0 + soft-device 2.0.0 + bApp 1.0.1: download forced, update forced
lamp-1 succeeds
await list has finished
show 1
    finished
    wave 1 finished: 1 succeeded
