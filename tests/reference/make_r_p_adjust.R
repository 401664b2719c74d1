# Make r_p_adjust.json: what R's p.adjust gives.
# Run with R alone (Debian: r-base-core): Rscript tests/reference/make_r_p_adjust.R OUT.json
# Numbers are written with 17 digits, which is every bit of a double; NA becomes null.

cases <- list(
  plain = c(0.01, 0.02, 0.03, 0.04, 0.05),
  ties = c(0.04, 0.01, 0.01, 0.2, 0.04, 0.04, 0.8, 0.01),
  missing = c(0.02, NA, 0.001, 0.5, NA, 0.03, 0.02, NaN),
  ends = c(0, 1, 0.5, 1, 0, 1e-300, 0.049999, 5e-324),
  tiny = c(1e-20, 1e-200, 3e-308, 1e-12, 0.7, 1e-20, 0.9999999999999999),
  one = c(0.3),
  only_missing = as.numeric(c(NA, NA)),
  long = c(NA, 0.0004, 0.93, 0.0004, 0.27, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298,
           0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1, NA, 1e-30)
)
methods <- c("bonferroni", "holm", "BH", "BY")

text <- function(x) {
  shown <- ifelse(is.na(x), "null", sprintf("%.17g", x))
  paste0("[", paste(shown, collapse = ", "), "]")
}
entry <- function(name, value) paste0('"', name, '": ', value)
of_case <- function(p, n = NULL) {
  adjusted <- sapply(methods, function(m) {
    entry(m, text(if (is.null(n)) p.adjust(p, m) else p.adjust(p, m, n)))
  })
  paste0("{\n  ", paste(c(entry("p", text(p)), adjusted), collapse = ",\n  "), "\n }")
}
lines <- c(
  entry("R", paste0('"', R.version$major, ".", R.version$minor, '"')),
  # length(p) counts NA; p.adjust's own default does not.
  sapply(names(cases), function(name) entry(name, of_case(cases[[name]]))),
  entry("missing_n_is_length", of_case(cases$missing, length(cases$missing)))
)
writeLines(c("{", paste0(" ", paste(lines, collapse = ",\n ")), "}"), commandArgs(TRUE)[1])
