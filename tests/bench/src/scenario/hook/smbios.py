"""The edit of the smbios hook as a script of its own process: the document is the file that _hook_domxml names, the entries are the
custom property in the environment."""
import ast
import os
from xml.dom import minidom

BIOS = ("vendor", "version", "date", "release")


def child(document, parent, name):
    """The child of that name, made when it is not there."""
    for node in parent.childNodes:
        if node.nodeName == name:
            return node
    return parent.appendChild(document.createElement(name))


def set_entry(document, block, name, value):
    """Sets one entry, replacing the one that is there."""
    for node in block.getElementsByTagName("entry"):
        if node.getAttribute("name") == name:
            block.removeChild(node)
    entry = document.createElement("entry")
    entry.setAttribute("name", name)
    entry.appendChild(document.createTextNode(value))
    block.appendChild(entry)


def main():
    path = os.environ["_hook_domxml"]
    document = minidom.parse(path)
    sysinfo = child(document, document.documentElement, "sysinfo")
    sysinfo.setAttribute("type", "smbios")
    for part in os.environ["smbios"].split("^"):
        (name, value), *_ = ast.literal_eval(part).items()
        block = child(document, sysinfo, "bios" if name in BIOS else "system")
        set_entry(document, block, name, value)
    with open(path, "w", encoding="utf-8") as file:
        document.writexml(file)


main()
