# One at once, and nobody says anything: after a second the place goes to the next one, and the actions stay.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true, "in_flight": {"limit": 1, "lease_s": 1}}
    201 rollout 1, spring: 3
await show 1 has "3 active"
show 1
    running
    wave 1 running: 3 active
lamp-1..3 succeed
await list has finished
show 1
    finished
    wave 1 finished: 3 succeeded
