// Empty: libtorch's header names this file and uses nothing of it. See README.md.
#pragma once
