# Two may be under way at once; the others wait until a place is free.
devices lamp-1..4 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "in_flight": {"limit": 2}}
    201 rollout 1, spring: 4
await show 1 has "2 active"
members 1
    wave 1: lamp-1 active, lamp-2 active, lamp-3 waiting, lamp-4 waiting
explain 1 lamp-1
    offline: action 1 is queued; the device has no session and is told when it comes back; it times out at T without a first sign of the device
explain 1 lamp-2
    offline: action 2 is queued; the device has no session and is told when it comes back; it times out at T without a first sign of the device
explain 1 lamp-3
    in-flight-limit: 2 devices are under way and hold all 2 places; it waits for one of them
explain 1 lamp-4
    in-flight-limit: 2 devices are under way and hold all 2 places; it waits for one of them
why 1
    the rollout takes nobody on: 2 devices under way hold all 2 places
    wave 1 is running: 0 of 4 (0.0%) run the target, 100% are wanted; 4 have not ended
    pace: unbounded; in flight: 2 of 2 places are held
1 of wave 1.1 succeed
await show 1 has "2 active, 1 succeeded"
show 1
    running
    wave 1 running: 1 waiting, 2 active, 1 succeeded
1 of wave 1.1 fail
2 of wave 1.1 succeed
await list has finished
show 1
    finished
    wave 1 finished: 3 succeeded, 1 failed
