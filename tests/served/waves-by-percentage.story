# A part is rounded up: a fifth of six devices is two of them.
devices lamp-1..6 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "parts", "image": 1, "product": "lamp", "waves": [{"percent": 20}, {"percent": 50}, {"rest": true}]}
    201 rollout 1, parts: 2 + 3 + 1
rollout {"name": "equal", "image": 1, "product": "lamp", "wave_count": 3}
    201 rollout 2, equal: 2 + 2 + 2
members 1
    wave 1: lamp-2 waiting, lamp-6 waiting
    wave 2: lamp-1 waiting, lamp-3 waiting, lamp-4 waiting
    wave 3: lamp-5 waiting
