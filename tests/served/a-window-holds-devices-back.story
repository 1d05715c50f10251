# Devices are told, and do not install before the window opens; without prefetch they do not fetch either.
devices lamp-1..2 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "shut", "image": 1, "devices": ["lamp-1"], "start": true,
  "window": {"schedule": "$daily+6h", "duration": "01:00:00"}}
await show 1 has "1 active"
lamp-1 asks
explain 1 lamp-1
rollout {"name": "soon", "image": 1, "devices": ["lamp-2"], "start": true,
  "window": {"schedule": "$daily+4s", "duration": "01:00:00"}}
await show 2 has "1 active"
await explain 2 lamp-2 has "is queued"
lamp-2 asks
lamp-2 succeeds
await show 2 has finished
