# The earlier image is brought back under a new number, to those that were reached.
devices lamp-1..3 runs 1.0.0
image lamp 3 1.0.0
    201 image 1
image lamp 3 1.0.1
    201 image 2
rollout {"name": "spring", "image": 2, "product": "lamp", "start": true,
  "waves": [{"devices": 2, "success_percent": 50, "failure_percent": 90}, {"rest": true}],
  "in_flight": {"limit": 2, "lease_s": 60},
  "stop_rules": [{"on": "any", "percent": 50, "min_sample": 2, "then": "roll-back", "image": 1}]}
    201 rollout 1, spring: 2 + 1
await show 1 has "2 active"
members 1
    wave 1: lamp-1 active, lamp-2 active
    wave 2: lamp-3 waiting
1 of wave 1.1 fail
1 of wave 1.1 succeed
await list has stop
await images has "image 3"
images
    image 1: 1.0.0 #1
    image 2: 1.0.1 #2
    image 3: 1.0.0 #3
await lamp-2 asks has "1.0.0"
lamp-1..2 ask
    lamp-1: has nothing to do
    lamp-2: bApp 1.0.0: download forced, update forced
lamp-2 succeeds
show 1
    stopped: stop rule 1: 1 of 2 ended badly
    wave 1 finished: 1 succeeded, 1 failed
    wave 2 scheduled: 1 waiting
