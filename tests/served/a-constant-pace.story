# The first device does not wait; the others wait for their turn.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "pace": {"per_minute": 1}}
    201 rollout 1, spring: 3
await show 1 has "1 active"
show 1
    running
    wave 1 running: 2 waiting, 1 active
members 1
    wave 1: lamp-1 active, lamp-2 waiting, lamp-3 waiting
1 of wave 1.1 succeed
await show 1 has "1 succeeded"
show 1
    running
    wave 1 running: 2 waiting, 1 succeeded
explain 1 lamp-1
    succeeded: the device runs the target; action 1 brought it
explain 1 lamp-2
    pace: the pace is 1 a minute; the next device is taken on at T
explain 1 lamp-3
    pace: the pace is 1 a minute; the next device is taken on at T
why 1
    the pace is 1 a minute; the next device is taken on at T
    wave 1 is running: 1 of 3 (33.3%) run the target, 100% are wanted; 2 have not ended
    pace: 1 a minute; in flight: unbounded
