// Sets the chosen look before anything is drawn. Not a module, so that it runs before the first paint.
(() => {
  try {
    const theme = localStorage.getItem('meridian-theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch { /* no storage: the system's look */ }
})();
