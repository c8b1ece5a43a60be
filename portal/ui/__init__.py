"""The design system's Python half: what badges, times, fields and bars say, for the template tags to render.

It knows no model and no view; `portal.workflow.templatetags.portal_ui` puts it at every template's hand.
"""
