"""The design system's Python half: what badges, times, fields and bars say, for the template tags to render.

It uses no model and no view; `portal.workflow.templatetags.portal_ui` makes it available in every template.
"""
