# A part is rounded up: a fifth of six devices is two of them.
devices lamp-1..6 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "parts", "image": 1, "product": "lamp", "waves": [{"percent": 20}, {"percent": 50}, {"rest": true}]}
rollout {"name": "equal", "image": 1, "product": "lamp", "wave_count": 3}
members 1
