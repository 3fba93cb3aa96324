"""Training: detectors from torchvision's parts, schedules, the loop, checkpoints; the only home of torch."""
