module samples

go 1.24
