"""From uploaded pictures to a processed data set: intake, image operations, revisions, census."""
