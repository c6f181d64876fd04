"""The page: one module a tab, over one shared service. What a person sees is rendered in `bot.render`."""
