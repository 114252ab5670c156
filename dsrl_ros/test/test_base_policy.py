"""The shipped policy is the one its card describes, and as much in need of steering as wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsrl_ros.core.types import NoiseLayout
from dsrl_ros.policies import io
from dsrl_ros.robots.planner import check_spec
from dsrl_ros.tasks import base_policy
from dsrl_ros.tasks.evaluate import evaluate, prior
from dsrl_ros.tasks.pick_place import PICK_PLACE

SHIPPED = Path(__file__).parents[2] / 'dsrl_bringup' / 'policies' / 'franka_pick_place.safetensors'


@pytest.fixture(scope='module')
def card():
    return io.read_card(SHIPPED)


def success(card, layout, scale):
    rows = card['notes']['success']
    (row,) = (r for r in rows if (r['layout'], r['scale']) == (layout, scale))
    assert row['resets'] == 500
    return row['successes'] / row['resets']


def test_the_shipped_policy_fits_robot_and_task():
    policy = io.load(SHIPPED)
    check_spec(policy.spec, PICK_PLACE.robot)
    assert policy.spec.state_names == PICK_PLACE.state_names
    assert policy.spec.step_period_s == pytest.approx(PICK_PLACE.step_period_ns * 1e-9)
    assert SHIPPED.stat().st_size < 2**21


def test_the_card_says_how_the_policy_was_made(card):
    notes = card['notes']
    assert notes['demonstrations'] == 10
    assert {'script', 'demonstration_seed', 'training', 'versions'} <= notes.keys()


@pytest.mark.parametrize('layout', ['repeated', 'full'])
def test_success_under_the_prior_leaves_room_that_only_steering_can_fill(card, layout):
    """20 to 35 % at c = 1, and no scale of the prior beyond 60 %."""
    assert 0.20 <= success(card, layout, 1.0) <= 0.35
    assert max(success(card, layout, scale) for scale in base_policy.SCALES) <= 0.60


def test_the_card_tells_the_truth():
    """Thirty resets of the card, measured anew, succeed about as often as the card says."""
    policy = io.load(SHIPPED)
    first = base_policy.FIRST_RESET
    rate = evaluate(
        PICK_PLACE,
        policy,
        prior(policy.spec, NoiseLayout.REPEATED, 1.0),
        range(first, first + 30),
        workers=2,
    )
    low, high = rate.interval
    claimed = success(io.read_card(SHIPPED), 'repeated', 1.0)
    assert low - 0.05 <= claimed <= high + 0.05


def test_the_script_makes_a_policy_and_its_card(tmp_path, capsys):
    """`make base-policy`, in small."""
    out = tmp_path / 'tiny.safetensors'
    base_policy.main(
        [f'--out={out}', '--demonstrations=1', '--steps=3', '--resets=1', '--workers=1']
    )
    spec = io.load(out).spec
    assert spec.sha256 in capsys.readouterr().out
    assert len(io.read_card(out)['notes']['success']) == 2 * len(base_policy.SCALES)
