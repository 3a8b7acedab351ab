#!/bin/bash
echo "bash was given $1 and $2"
