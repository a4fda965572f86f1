print("cubinspect")
