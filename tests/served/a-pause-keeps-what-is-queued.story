# A device that comes back during the pause is told nothing, and nobody is taken on; what was told goes on.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "waves": [{"devices": 2}, {"rest": true}]}
    201 rollout 1, spring: 2 + 1
await show 1 has "2 active"
members 1
    wave 1: lamp-1 active, lamp-2 active
    wave 2: lamp-3 waiting
explain 1 lamp-1
    offline: action 1 is queued; the device has no session and is told when it comes back; it times out at T without a first sign of the device
explain 1 lamp-2
    offline: action 2 is queued; the device has no session and is told when it comes back; it times out at T without a first sign of the device
explain 1 lamp-3
    wave-not-begun: wave 2 has not begun: wave 1 must first have 2 of its 2 devices on the target, and has 0
1 of wave 1.1 begin
pause 1
    200 paused
lamp-1..3 ask
    lamp-1: bApp 1.0.1: download forced, update forced
    lamp-2: has nothing to do
    lamp-3: has nothing to do
1 of wave 1.1 succeed
await show 1 has "1 succeeded"
show 1
    paused: admin said so
    wave 1 running: 1 active, 1 succeeded
    wave 2 scheduled: 1 waiting
explain 1 lamp-1
    succeeded: the device runs the target; action 1 brought it
explain 1 lamp-2
    paused: the rollout pauses until somebody resumes it: admin said so
explain 1 lamp-3
    paused: the rollout pauses until somebody resumes it: admin said so
lamp-1..3 ask
    lamp-1: has nothing to do
    lamp-2: has nothing to do
    lamp-3: has nothing to do
resume 1
    200 running
1 of wave 1.1 succeed
1 of wave 1.2 succeed
await list has finished
show 1
    finished
    wave 1 finished: 2 succeeded
    wave 2 finished: 1 succeeded
