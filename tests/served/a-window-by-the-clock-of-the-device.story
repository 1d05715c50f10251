# Two windows of the same hour: for one device it is open where it is, for the other it is not.
devices lamp-1 runs 1.0.0 timezone=+00:00
devices lamp-2 runs 1.0.0 timezone=+01:00
image lamp 3 1.0.1
    201 image 1
rollout {"name": "local", "image": 1, "product": "lamp", "start": true,
  "window": {"schedule": "$daily+1h", "duration": "00:30:00", "zone": "device+01:00"}}
    201 rollout 1, local: 2
await show 1 has "2 active"
lamp-1..2 ask
    lamp-1: bApp 1.0.1: download forced, update skip, window unavailable
    lamp-2: bApp 1.0.1: download forced, update forced, window available
