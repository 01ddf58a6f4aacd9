"""Cookies that a page's scripts keep, also where the lab stands in a frame of another site.

Streamlit reads cookies (`st.context.cookies`) but cannot set one.
"""

# For the scripts of components: `read` a cookie, and `keep` one. In a frame of another site a
# browser keeps none but those that hold in this frame alone ("Partitioned"), and only over HTTPS.
COOKIE_JS = """
const read = (name) => document.cookie.split("; ")
  .find((part) => part.startsWith(name + "="))?.slice(name.length + 1);
const keep = (name, value, rest) => {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${value}; ${rest}; SameSite=Lax${secure}`;
  if (read(name) !== value) {
    document.cookie = `${name}=${value}; ${rest}; SameSite=None; Secure; Partitioned`;
  }
};
"""
