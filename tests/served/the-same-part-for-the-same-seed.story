# A stable part of the devices: the same for the same seed, whatever it is called and whenever it is made.
devices lamp-1..9 runs 1.0.0
image lamp 3 1.0.1
rollout {"name": "a", "image": 1, "product": "lamp", "percent": 40, "seed": 1}
rollout {"name": "b", "image": 1, "filter": "id==lamp-*", "percent": 40, "seed": 1}
rollout {"name": "c", "image": 1, "product": "lamp", "percent": 40, "seed": 2}
rollout {"name": "more", "image": 1, "product": "lamp", "percent": 60, "seed": 1}
members 1
members 2
members 3
members 4
explain 1 lamp-1
explain 1 lamp-2
