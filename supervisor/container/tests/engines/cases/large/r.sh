# A script in R: packages by path, pictures, files, parallel processes, system calls.
cat > /tmp/a.R <<'R'
cat(R.version$major, commandArgs(TRUE), "\n"); set.seed(1); m <- lm(dist ~ speed, cars); print(round(coef(m), 4)); print(dim(solve(matrix(rnorm(10000), 100))))
pdf("/out/a.pdf"); plot(cars); invisible(dev.off()); cat(file.exists("/out/a.pdf"), file.size("/out/a.pdf") > 1000, "\n"); saveRDS(cars, "/out/c.rds"); print(identical(readRDS("/out/c.rds"), cars))
library(parallel); print(sum(unlist(mclapply(1:10, function(x) x^2, mc.cores = 2)))); print(system("echo from a shell; exit 3")); print(system2("ls", c("-d", "/etc"), stdout = TRUE)); print(normalizePath("/usr/../etc")); print(basename(R.home()))
unlink(c("/out/a.pdf", "/out/c.rds")); cl <- makeCluster(2); print(parSapply(cl, 1:4, sqrt)); stopCluster(cl); quit(status = 5)
R
Rscript /tmp/a.R one two; echo $?; R --version | head -1; echo 'cat(1+1, "\n")' | R --slave
