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
    404 no-such-path: there is nothing at this path; the API is below /api/v1
explain 1 lamp-2
    404 no-such-path: there is nothing at this path; the API is below /api/v1
explain 1 lamp-3
    404 no-such-path: there is nothing at this path; the API is below /api/v1
explain 1 lamp-4
    404 no-such-path: there is nothing at this path; the API is below /api/v1
why 1
    404 no-such-path: there is nothing at this path; the API is below /api/v1
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
