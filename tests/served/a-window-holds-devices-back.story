# Devices are told, and do not install before the window opens. Over DDI they may always fetch, as hawkBit has it.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "shut", "image": 1, "devices": ["lamp-1"], "start": true,
  "window": {"schedule": "$daily+6h", "duration": "01:00:00"}}
    201 rollout 1, shut: 1
await show 1 has "1 active"
lamp-1 asks
    lamp-1: bApp 1.0.1: download forced, update skip, window unavailable
explain 1 lamp-1
    window-closed: action 1 waits for its maintenance window, which opens at T
# The other one opens while the device asks.
rollout {"name": "soon", "image": 1, "devices": ["lamp-2"], "start": true,
  "window": {"schedule": "$daily+10s", "duration": "01:00:00"}}
    201 rollout 2, soon: 1
await show 2 has "1 active"
lamp-2 asks
    lamp-2: bApp 1.0.1: download forced, update skip, window unavailable
await lamp-2 asks has "window available"
lamp-2 asks
    lamp-2: bApp 1.0.1: download forced, update forced, window available
lamp-2 succeeds
await show 2 has finished
