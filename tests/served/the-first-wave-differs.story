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
await show 1 has "wave 1 finished"
why 1
    the rollout waits for its devices: everybody in the waves that run was reached
    wave 1 is finished, passed: 1 of 6 (16.6%) run the target, 10% are wanted; 0 have not ended
    wave 2 is running: 0 of 6 (0.0%) run the target, 100% are wanted; 6 have not ended
    canary: 6 of the first wave and 0 of the others have ended, and 6 are needed on either side
    pace: unbounded; in flight: unbounded
6 of wave 1.2 succeed
await list has paused
show 1
    paused: the first wave and the others differ: 5 of 6 failed in the first wave, 0 of 6 in the others: +83.3 points, 95% interval +27.7 to +97.0
    wave 1 finished: 1 succeeded, 5 failed
    wave 2 running: 6 succeeded
why 1
    the rollout pauses until somebody resumes it: 5 of 6 ended badly in the first wave (83.3%, by Wilson 43.6 to 97.0%), 0 of 6 ended badly in the others (0.0%, by Wilson 0.0 to 39.0%); by Newcombe at 95% the difference is +83.3 points, at least 83.3 - sqrt(39.68² + 39.03²) = +27.7 and at most 83.3 + sqrt(13.66² + 0.00²) = +97.0, all of it beyond the margin of 20 points
    wave 1 is finished, passed: 1 of 6 (16.6%) run the target, 10% are wanted; 0 have not ended
    wave 2 is running: 6 of 6 (100.0%) run the target, 100% are wanted; 0 have not ended
    canary: 5 of 6 ended badly in the first wave (83.3%, by Wilson 43.6 to 97.0%), 0 of 6 ended badly in the others (0.0%, by Wilson 0.0 to 39.0%); by Newcombe at 95% the difference is +83.3 points, at least 83.3 - sqrt(39.68² + 39.03²) = +27.7 and at most 83.3 + sqrt(13.66² + 0.00²) = +97.0, all of it beyond the margin of 20 points; beyond it it pauses
    pace: unbounded; in flight: unbounded
