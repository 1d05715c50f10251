# A stable part of the devices: the same for the same seed, whatever it is called and whenever it is made.
devices lamp-1..9 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "a", "image": 1, "product": "lamp", "percent": 40, "seed": 1}
    201 rollout 1, a: 5
rollout {"name": "b", "image": 1, "filter": "id==lamp-*", "percent": 40, "seed": 1}
    201 rollout 2, b: 5
rollout {"name": "c", "image": 1, "product": "lamp", "percent": 40, "seed": 2}
    201 rollout 3, c: 5
rollout {"name": "more", "image": 1, "product": "lamp", "percent": 60, "seed": 1}
    201 rollout 4, more: 6
members 1
    wave 1: lamp-2 waiting, lamp-3 waiting, lamp-5 waiting, lamp-7 waiting, lamp-8 waiting
members 2
    wave 1: lamp-2 waiting, lamp-3 waiting, lamp-5 waiting, lamp-7 waiting, lamp-8 waiting
members 3
    wave 1: lamp-2 waiting, lamp-5 waiting, lamp-6 waiting, lamp-7 waiting, lamp-9 waiting
members 4
    wave 1: lamp-1 waiting, lamp-2 waiting, lamp-3 waiting, lamp-5 waiting, lamp-7 waiting, lamp-8 waiting
explain 1 lamp-1
    outside-share: the rollout is for 40% of the devices, those with a bucket below 4000; this one has bucket 5067
explain 1 lamp-2
    not-started: the rollout waits until somebody starts it
