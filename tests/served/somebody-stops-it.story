# The three endings: what is under way goes on, is called off, or is dropped.
devices lamp-1..4 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "go on", "image": 1, "devices": ["lamp-1"], "start": true}
    201 rollout 1, go on: 1
rollout {"name": "call off", "image": 1, "devices": ["lamp-2"], "start": true}
    201 rollout 2, call off: 1
rollout {"name": "drop", "image": 1, "devices": ["lamp-3"], "start": true}
    201 rollout 3, drop: 1
rollout {"name": "unbegun", "image": 1, "devices": ["lamp-4"]}
    201 rollout 4, unbegun: 1
await show 1 has "1 active"
await show 2 has "1 active"
await show 3 has "1 active"
lamp-1..3 begin
stop 1
    200 stopping
stop 2 cancel
    200 stopping
stop 3 force
    200 stopping
stop 4
    200 stopped
await show 3 has stopped
await lamp-2 asks has "let go"
lamp-1..4 ask
    lamp-1: bApp 1.0.1: download forced, update forced
    lamp-2: is to let go
    lamp-3: has nothing to do
    lamp-4: has nothing to do
show 1
    stopping: admin said so
    wave 1 running: 1 active
show 2
    stopping: admin said so
    wave 1 running: 1 active
# A harder ending takes the place of a softer one.
stop 1 cancel
    200 stopping
await lamp-1 asks has "let go"
lamp-1 lets go
lamp-2 lets go
await show 1 has stopped
await show 2 has stopped
show 1
    stopped: admin said so
    wave 1 finished: 1 cancelled
show 2
    stopped: admin said so
    wave 1 finished: 1 cancelled
show 3
    stopped: admin said so
    wave 1 finished: 1 cancelled
show 4
    stopped: admin said so
    wave 1 scheduled: 1 waiting
stop 3
    409 rollout-status: rollout 3: a rollout that is stopped cannot be stopped
