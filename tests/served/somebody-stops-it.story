# The three endings: what is under way goes on, is called off, or is dropped.
devices lamp-1..4 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "go on", "image": 1, "devices": ["lamp-1"], "start": true}
rollout {"name": "call off", "image": 1, "devices": ["lamp-2"], "start": true}
rollout {"name": "drop", "image": 1, "devices": ["lamp-3"], "start": true}
rollout {"name": "unbegun", "image": 1, "devices": ["lamp-4"]}
await show 1 has "1 active"
await show 2 has "1 active"
await show 3 has "1 active"
lamp-1..3 begin
stop 1
stop 2 cancel
stop 3 force
stop 4
await show 3 has stopped
await lamp-2 asks has "let go"
lamp-1..4 ask
show 1
show 2
# A harder ending takes the place of a softer one.
stop 1 cancel
await lamp-1 asks has "let go"
lamp-1 lets go
lamp-2 lets go
await show 1 has stopped
await show 2 has stopped
show 1
show 2
show 3
show 4
stop 3
