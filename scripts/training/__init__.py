"""What train.py needs: slices and splits, painting, augmentation. Not part of the installed package."""
