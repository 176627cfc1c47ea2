"""Container images without Docker: made, read, pulled and pushed.

    image.write(spec, out, epoch=...)       an image of named layers: an oci-archive or a layout
    index.write(images, out)                one artifact of several architectures' images
    base.opened(text, arch)                 an image to build upon: layout, archive or registry
    reading.Image(path)                     an image as one flattened tree
    push.push(sources, reference, client)   to a registry

The formats are those of https://github.com/opencontainers/image-spec (1.1) and distribution-spec (1.1).
"""
