# Every command stands on one script that needs python3 alone; see CONTRIBUTING.md.
PYTHON := $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,$(shell command -v $(name) 2>/dev/null)))
ifeq ($(PYTHON),)
$(error No python3 found. Install Python 3.11 or newer)
endif

.PHONY: setup run test check bench lock clean
setup run test check bench lock:
	@$(PYTHON) scripts/tasks.py $@
clean:
	rm -rf .venv var staticfiles
