# The remedy is to call everything off.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "stop_rules": [{"on": "any", "percent": 10, "then": "cancel"}]}
    201 rollout 1, spring: 3
await show 1 has "3 active"
lamp-1..2 begin
lamp-1 fails
await list has stopping
await lamp-2 asks has "let go"
lamp-2 lets go
await list has stopped
show 1
    stopped: stop rule 1: 1 of 1 ended badly
    wave 1 finished: 1 failed, 2 cancelled
lamp-3 asks
    lamp-3: has nothing to do
