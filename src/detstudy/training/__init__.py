"""Training: detectors from torchvision's parts, schedules, the loop, checkpoints, predictions; the only home of torch."""
