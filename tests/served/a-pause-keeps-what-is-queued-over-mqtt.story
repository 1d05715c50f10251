# A device that connects during the pause is told nothing; when the rollout goes on it hears of it.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
lamp-2 connects
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 2
lamp-2 hears
    lamp-2: deploy
await show 1 has "2 active"
explain 1 lamp-1
    offline: action 1 is queued; the device has no session and is told when it comes back; it times out at T without a first sign of the device
pause 1
    200 paused
lamp-1 connects
lamp-1..2 look
    lamp-1: is to run nothing
    lamp-2: is to run type 3 1.0.1
lamp-2 says success
lamp-2 reports 1.0.1
await show 1 has "1 succeeded"
show 1
    paused: admin said so
    wave 1 running: 1 active, 1 succeeded
explain 1 lamp-1
    paused: the rollout pauses until somebody resumes it: admin said so
resume 1
    200 running
lamp-1 hears
    lamp-1: deploy
lamp-1 looks
    lamp-1: is to run type 3 1.0.1
lamp-1 says success
lamp-1 reports 1.0.1
await list has finished
show 1
    finished
    wave 1 finished: 2 succeeded
