"""How a person works a page: by keys alone, or by touch alone."""

from __future__ import annotations

from playwright.async_api import Page

MAX_TABS = 150
"""A page on which something is further away is not made for the keyboard."""


class Hands:
    """Does what a story asks for, in one of two ways."""

    def __init__(self, page: Page, *, keys: bool) -> None:
        self.page = page
        self._keys = keys

    async def press(self, selector: str) -> None:
        """Press a button, follow a link, open what is folded or tick a box."""
        await self.page.wait_for_selector(selector, state="visible")
        if not self._keys:
            await self.page.tap(selector)
            return
        await self._reach(selector)
        box = await self.page.evaluate("document.activeElement.matches('input[type=checkbox], input[type=radio]')")
        await self.page.keyboard.press("Space" if box else "Enter")

    async def write(self, selector: str, text: str) -> None:
        """Write into a field in place of what stands there."""
        await self.page.wait_for_selector(selector, state="visible")
        if not self._keys:
            await self.page.tap(selector)
            await self.page.fill(selector, text)
            return
        await self._reach(selector)
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.press("Delete")
        await self.page.keyboard.type(text)

    async def choose(self, selector: str, value: str) -> None:
        """Choose one of a list."""
        await self.page.wait_for_selector(selector, state="visible")
        if not self._keys:
            await self.page.select_option(selector, value)
            return
        await self._reach(selector)
        words = await self.page.text_content(f"{selector} option[value='{value}']")
        await self.page.keyboard.type((words or "").strip())
        assert await self.page.input_value(selector) == value

    async def _reach(self, selector: str) -> None:
        """Go there by Tab, from wherever one is; what has the focus must be seen to have it."""
        for _ in range(MAX_TABS):
            if await self.page.locator(selector).evaluate_all("(all) => all.includes(document.activeElement)"):
                ring = await self.page.evaluate(
                    "(() => { const seen = getComputedStyle(document.activeElement);"
                    " return seen.outlineStyle !== 'none' || seen.boxShadow !== 'none' })()"
                )
                assert ring, f"{self.page.url}: nothing shows that {selector} has the focus"
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"{self.page.url}: {selector} cannot be reached by keys")
