// Makes a page that is whole without it more pleasant.
document.documentElement.classList.add("script");
