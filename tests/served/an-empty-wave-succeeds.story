# Nobody is in the first wave, and the second one begins.
devices lamp-1..2 runs 1.0.0 region=eu
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"name": "moon", "filter": "attribute.region==moon"}, {"rest": true}]}
    201 rollout 1, spring: 0 + 2
await show 1 has "2 active"
show 1
    running
    moon finished: nobody
    wave 2 running: 2 active
lamp-1..2 succeed
await list has finished
show 1
    finished
    moon finished: nobody
    wave 2 finished: 2 succeeded
