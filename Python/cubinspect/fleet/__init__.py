"""Which images of a registry, and which wheels and archives of a folder, run on which GPUs.

    python -m cubinspect.fleet plan --store STORE registry.example.org/*
    python -m cubinspect.fleet work --store STORE
    python -m cubinspect.fleet judge --store STORE --gpu B200 --gpu A100 --driver 580 -o DATASET
    python -m cubinspect.fleet report DATASET

Each layer is read once. What is kept of it in the store depends on no GPU and no driver, so that new GPUs, drivers and
tables are questions to the store. The data goes one way, and so do the imports:

    documents, references < credentials < transport < registry < plan < images < work < on_ray
    program, store, progress < plan             dataset < judge < report < page      work < gate < admission
    images < pull
"""
