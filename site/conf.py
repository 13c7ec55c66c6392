"""How Sphinx builds the pages that ``course.py`` has laid out; no page needs a network, neither to be built nor to be read."""

project, author, copyright = "twofold", "the twofold authors", "the twofold authors, MIT licence"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["figures/**"]
nb_execution_mode = "off"  # results come from the runs, never from building a page
nb_ipywidgets_js = {}  # no widget lives without a kernel: sliders are frames
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "code", "hide the code"
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes stand in the docstrings; the signature would be three lines
autodoc_preserve_defaults = True
add_module_names = False
napoleon_custom_sections = ["Source", "Returns", "Raises"]  # prose in this house, not lists of types
napoleon_preprocess_types = False
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # a name in a type slot that several classes have

html_theme = "furo"
html_title = "twofold"
html_static_path = ["static"]
html_css_files = ["house.css"]
html_js_files = ["frames.js"]
html_copy_source = False
html_show_search_summary = False  # a summary is fetched, which a page opened from disk may not do
html_theme_options = {"navigation_with_keys": True}
mathjax_path = "mathjax/tex-chtml-full.js"


def examples_have_a_heading(app, what, name, of, options, lines):
    """Our examples follow the last section without a heading, which Napoleon would take for a part of that section."""
    first = next((i for i, line in enumerate(lines) if line.startswith(">>>")), None)
    if first is not None:
        lines[first:first] = ["Examples", "--------"]


def skip_what_scikit_learn_adds(app, what, name, of, skip, options):
    """Methods such as ``set_fit_request``, which its base class puts on every estimator."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app):
    app.connect("autodoc-skip-member", skip_what_scikit_learn_adds)
    app.connect("autodoc-process-docstring", examples_have_a_heading, priority=400)  # Napoleon's is 500
