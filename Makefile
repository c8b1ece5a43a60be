# Every command stands on one script that needs python3 alone; see CONTRIBUTING.md.
# The first Python that really runs and is new enough (a shim may stand there and not run).
PYTHON := $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)
ifeq ($(PYTHON),)
$(error Python 3.11 or newer is needed and was not found)
endif

.PHONY: setup install run test check bench lock clean
setup install run test check bench lock:
	@$(PYTHON) scripts/tasks.py $@
clean:
	rm -rf .venv var staticfiles
