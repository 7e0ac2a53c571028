"""`captions check`: findings and the bucket chart, for each shape that the training settings mean."""

from __future__ import annotations

from dataclasses import asdict

from train_tools.captioning.activation import activation_tag
from train_tools.commands.output import Output, table
from train_tools.dataset.bucket_chart import BucketCount, bucket_chart
from train_tools.dataset.checks import ERROR, Finding, check_images, in_order, read_sizes
from train_tools.dataset.training import training_images
from train_tools.planning.caption_checks import reading_of
from train_tools.planning.shapes import Shape, shapes_of
from train_tools.tags.checks import check_captions
from train_tools.workspace.workspace import Version

LONGEST_BAR = 40  # characters
MOST_NAMES = 5  # of a finding; --json has all


def run(version: Version, out: Output) -> int:
    shapes = shapes_of(version)
    findings = findings_of(version, shapes)
    sizes, _ = read_sizes(training_images(version.processed))
    charts = [(shape, bucket_chart(sizes, shape.rule)) for shape in shapes]
    for shape, chart in charts:
        width, height = shape.rule.resolution
        out.say(f"buckets at {width}x{height}:")
        out.say(chart_text(chart))
    for finding in findings:
        out.say(f"\n{finding.severity} {finding.id}: {finding.sentence}")
        out.say(f"  to do: {finding.fix}")
        if finding.where:
            more = len(finding.where) - MOST_NAMES
            out.say(f"  {', '.join(finding.where[:MOST_NAMES])}{f' and {more} more' if more > 0 else ''}")
    out.say("\nnothing found" if not findings else f"\n{len(findings)} finding(s)")
    out.document(
        {
            "findings": [asdict(finding) for finding in findings],
            "shapes": [
                {**asdict(shape), "buckets": [asdict(bucket) for bucket in chart]} for shape, chart in charts
            ],
        }
    )
    return 1 if any(finding.severity == ERROR for finding in findings) else 0


def findings_of(version: Version, shapes: list[Shape]) -> list[Finding]:
    """Each once, though several shapes may find it."""
    found: dict[Finding, None] = {}
    tag, reading = activation_tag(version), reading_of(version)
    for max_tokens in dict.fromkeys(shape.max_tokens for shape in shapes):
        found |= dict.fromkeys(check_captions(version, tag, max_tokens, reading))
    for rule, batch_size in dict.fromkeys((shape.rule, shape.batch_size) for shape in shapes):
        found |= dict.fromkeys(check_images(version, rule, batch_size))
    return in_order(list(found))


def chart_text(chart: list[BucketCount]) -> str:
    """A row a bucket, with a bar for the images that an epoch shows in it."""
    most = max((bucket.shown for bucket in chart), default=1)
    rows = [["size", "images", "shown", ""]]
    for bucket in chart:
        bar = "█" * max(1, round(LONGEST_BAR * bucket.shown / most))
        size = f"{bucket.size[0]}x{bucket.size[1]}"
        rows.append([size, str(bucket.images), str(bucket.shown), bar])
    return table(rows, frozenset([1, 2]))
