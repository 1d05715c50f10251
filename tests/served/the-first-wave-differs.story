# Five of six against none of six: the two differ beyond doubt.
devices lamp-1..12 runs 1.0.0
image lamp 3 1.0.1
    201 image 1
rollout {"name": "spring", "image": 1, "product": "lamp", "start": true,
  "waves": [{"devices": 6, "success_percent": 10}, {"rest": true}],
  "canary": {"margin_percent": 20, "confidence_percent": 95, "min_sample": 6}}
    201 rollout 1, spring: 6 + 6
1 of wave 1.1 succeed
5 of wave 1.1 fail
await show 1 has "6 active"
why 1
    404 no-such-path: there is nothing at this path; the API is below /api/v1
6 of wave 1.2 succeed
await list has paused
show 1
    paused: the first wave and the others differ: 5 of 6 failed in the first wave, 0 of 6 in the others: +83.3 points, 95% interval +27.7 to +97.0
    wave 1 finished: 1 succeeded, 5 failed
    wave 2 running: 6 succeeded
why 1
    404 no-such-path: there is nothing at this path; the API is below /api/v1
