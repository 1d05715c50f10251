# Devices are asked to let go: one does, one refuses and goes on to its end.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
lamp-1..2 connect
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true}
    201 rollout 1, spring: 2
lamp-1..2 hear
    lamp-1: deploy
    lamp-2: deploy
lamp-1..2 say proceeding
stop 1 cancel
    200 stopping
lamp-1..2 hear
    lamp-1: cancel
    lamp-2: cancel
explain 1 lamp-1
    cancelling: action 1 is being called off; it ends at T in any case
lamp-1..2 look
    lamp-1: is to run nothing
    lamp-2: is to run nothing
lamp-1 says canceled
lamp-2 says rejected
await show 1 has "1 cancelled"
show 1
    stopping: admin said so
    wave 1 running: 1 active, 1 cancelled
explain 1 lamp-1
    cancelled: action 1 was called off
lamp-2 says success
lamp-2 reports 1.0.1
await list has stopped
show 1
    stopped: admin said so
    wave 1 finished: 1 succeeded, 1 cancelled
